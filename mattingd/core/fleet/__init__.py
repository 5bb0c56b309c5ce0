"""Several devices in one machine and several machines: which of them work, and what each one gets."""
