"""Serverless AWS: one file per port."""
