# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "spot" {
  description = "Cheaper, and ended at two minutes' notice: not for production."
  type        = bool
}

variable "kms_key_arn" {
  description = "The key of what is typed and printed in `exec`."
  type        = string
}
