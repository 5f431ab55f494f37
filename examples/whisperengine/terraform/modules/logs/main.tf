# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# Where load balancer and buckets log who asked for what.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  bucket     = "${var.name}-logs-${data.aws_caller_identity.current.account_id}"
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${local.bucket}"
}

data "aws_iam_policy_document" "write" {
  statement {
    sid       = "LoadBalancer"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/alb/AWSLogs/${data.aws_caller_identity.current.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }

  statement {
    sid       = "Buckets"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/s3/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# Both services write with the key of S3 only, not with one of ours.
module "bucket" {
  source = "../s3"

  bucket          = local.bucket
  expire_days     = var.retention_days
  noncurrent_days = 30
  policies        = [data.aws_iam_policy_document.write.json]
}
