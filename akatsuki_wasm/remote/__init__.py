"""A workspace whose registry and executions are on a server: a client of the service's HTTP API."""
