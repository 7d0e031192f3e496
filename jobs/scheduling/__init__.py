"""What the choice of the next job rests on: health of providers, pauses, hedging, reasons to wait."""
