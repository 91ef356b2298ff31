"""Card readers: ISO/IEC 14443-3, the chips' models, and the drivers on them."""
