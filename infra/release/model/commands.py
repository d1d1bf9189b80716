"""The operator's commands as a message names them: with all that each needs, so that it can be typed."""

ABORT = "`python -m infra.release abort --stack STACK --reason WHY`"
HISTORY = "`python -m infra.release history --stack STACK`"
ROLLBACK = "`python -m infra.release rollback --stack STACK --reason WHY`"
STATUS = "`python -m infra.release status --stack STACK`"
UNSTICK = "`python -m infra.release unstick --stack STACK`"
WATCH = "`python -m infra.release watch --stack STACK`"
