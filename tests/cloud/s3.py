"""Buckets of the test cloud."""

from uuid import uuid4

import boto3

from cloud.server import REGION


def new_bucket() -> str:
    """The name of a new bucket."""
    name = f"bucket-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def objects(bucket: str) -> list[bytes]:
    """What the objects of a bucket hold, by name."""
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    names = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return [s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names]
