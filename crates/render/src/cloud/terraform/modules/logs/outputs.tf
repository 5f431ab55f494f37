output "bucket" {
  description = "Its name."
  value       = module.bucket.bucket
}
