"""How an approved version comes to serve: the ledger of one model, the pointer, and the steps that move it."""
