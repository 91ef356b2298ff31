"""What every reader of contactless cards needs: the way to a whole UID, and when a card counts as a tap."""
