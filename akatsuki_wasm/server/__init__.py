"""The service: the executor API, the management API and what stands behind them. Needs the extra ``server``."""
