export * from "./directory.js";
export * from "./error.js";
export * from "./header.js";
export * from "./item.js";
export * from "./keyset.js";
export * from "./log.js";
export * from "./primitives.js";
