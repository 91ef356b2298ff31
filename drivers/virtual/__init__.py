"""Virtual parts: drivers that speak to a bench over its hardware socket (docs/hardware-socket.md)."""
