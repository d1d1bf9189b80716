"""The release engine: canary, verdict, rollback, ledger."""
