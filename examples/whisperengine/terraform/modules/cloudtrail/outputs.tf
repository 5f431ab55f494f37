# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "arn" {
  description = "Of the trail."
  value       = aws_cloudtrail.this.arn
}

output "bucket" {
  description = "Where it is kept."
  value       = module.bucket.bucket
}
