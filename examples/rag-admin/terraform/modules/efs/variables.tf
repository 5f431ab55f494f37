# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "volumes" {
  description = "Volumes of the stack, and who writes to them."
  type = map(object({
    uid = optional(number, 1000)
    gid = optional(number, 1000)
  }))
}

variable "subnet_ids" {
  description = "Data subnets."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Who may speak to it."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "The key of what it holds."
  type        = string
}
