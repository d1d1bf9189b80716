"""What holds for every test."""

import signal

# A shell starts a background job with SIGINT ignored, and so would be all that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
