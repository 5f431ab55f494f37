output "arn" {
  description = "Of the trail."
  value       = aws_cloudtrail.this.arn
}

output "bucket" {
  description = "Where it is kept."
  value       = module.bucket.bucket
}
