"""Modbus buses with one owner each: `bus` does the transactions, `answers` decides what is an answer.

The driver modules that a configuration names are `drivers.modbus_rtu` and `drivers.modbus_tcp`: the two kinds of line.
"""
