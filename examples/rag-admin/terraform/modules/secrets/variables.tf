# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "names" {
  description = "The stack's secrets."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "The key that they are sealed with."
  type        = string
}
