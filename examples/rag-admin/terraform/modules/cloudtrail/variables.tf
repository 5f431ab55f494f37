# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "retention_days" {
  description = "After how many days what it recorded is removed."
  type        = number
  default     = 365
}

variable "log_bucket" {
  description = "Where accesses to its bucket are logged."
  type        = string
}

variable "topic_arn" {
  description = "Told of each new file."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of what it records."
  type        = string
}
