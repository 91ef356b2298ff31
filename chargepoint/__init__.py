"""An OCPP 1.6J charge-point controller for charging stations built around a Raspberry Pi."""
