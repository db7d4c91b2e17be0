// An identity provider for the tests: its clients, keys and people come as JSON on standard input. It prints one line
// when it listens, and ends when standard input does.
import crypto from "node:crypto";
import { register } from "node:module";
import { createInterface } from "node:readline";

if (!crypto.hash) {
  globalThis.crypto ??= crypto.webcrypto;
  URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);
  register("./older_node.mjs", import.meta.url);
}
const { Provider } = await import("oidc-provider");

for await (const line of createInterface({ input: process.stdin })) {
  const { issuer, port, clients, keys, algorithms, people } = JSON.parse(line);
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] },
    scopes: ["openid", "profile", "email", "groups"],
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    cookies: { keys: ["only for tests"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    pkce: { required: () => true },
  });
  provider.listen(port, "127.0.0.1", () => console.log("listening"));
}
process.exit();
