/** The addon's exports. Their types are written once, as `NativeAddon` in packages/tensor/src/native.ts. */
declare const addon: unknown;
export = addon;
