// Lets oidc-provider run on Node 18. These hooks give the package its node:crypto.
export async function resolve(specifier, context, next) {
  const isForPackage = specifier === "node:crypto" && context.parentURL?.includes("/node_modules/");
  return next(isForPackage ? new URL("older_crypto.mjs", import.meta.url).href : specifier, context);
}
