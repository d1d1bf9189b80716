"""CodeDeploy for Lambda: a pure state machine and a thin scheduler."""
