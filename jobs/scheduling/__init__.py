"""What decides which job runs next, and where: health of providers, pauses, hedging, reasons to wait."""
