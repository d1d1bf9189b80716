"""Settings of every test here, however it is started; tests/conftest.py has those of `make test`."""

import signal

# A shell starts a background job with SIGINT ignored, and so would be every cloud that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
