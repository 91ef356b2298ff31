"""What the station costs: time, memory, bytes on the disk, each measured by a small program of its own."""
