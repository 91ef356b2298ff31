"""The station's certificates and keys: their files (`folder`), what is worked out of them (`work`), and who asks (`vault`)."""
