# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "bucket" {
  description = "Its name."
  value       = aws_s3_bucket.this.id

  # Whoever writes there may do so from here on.
  depends_on = [aws_s3_bucket_policy.this]
}

output "arn" {
  description = "Of the bucket."
  value       = aws_s3_bucket.this.arn
}
