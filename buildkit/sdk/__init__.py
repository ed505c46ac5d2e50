"""SDKs: what a module compiles and is smoke-tested against for one release."""
