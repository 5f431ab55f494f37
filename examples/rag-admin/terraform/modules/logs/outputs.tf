# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "bucket" {
  description = "Its name."
  value       = module.bucket.bucket
}
