// node:crypto with the function that Node 18 of Debian 12 lacks; the package asks for a later one.
import { createHash } from "node:crypto";

export * from "node:crypto";

export function hash(name, data, encoding = "hex") {
  const digest = createHash(name).update(data);
  return encoding === "buffer" ? digest.digest() : digest.digest(encoding);
}
