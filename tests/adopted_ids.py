"""What AWS generated for an adopted API, as `strata:compute.adopted.ids` has it."""

IDS = {
    "http-api": "API",
    "http-orders-integration": "API/INTEGRATION",
    "http-post/orders": "API/ROUTE",
    "http-get/orders/{id}": "API/ROUTE",
    "http-get/health": "API/ROUTE",
    "http-orders-invoke": "strata-prod-orders:live/STATEMENT",
}
