"""Which version an invocation executes, how it is run, and what CloudWatch learns of it."""
