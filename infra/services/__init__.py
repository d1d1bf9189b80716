"""The services of the repository: each is a folder `app/SERVICE`, declared by its service.yaml."""

from infra.services.checks import settle, warnings
from infra.services.model import NODE, PYTHON, Service, ServiceError
from infra.services.reader import names, read

__all__ = ["NODE", "PYTHON", "Service", "ServiceError", "names", "read", "settle", "warnings"]
