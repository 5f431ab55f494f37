# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "emails" {
  description = "Who is told; each has to agree by a mail of AWS."
  type        = list(string)
  default     = []
}

variable "load_balancer" {
  description = "As CloudWatch calls it. Null: there is none."
  type        = object({ arn_suffix = string })
  default     = null
}

variable "target_groups" {
  description = "As CloudWatch calls them, by name."
  type        = map(string)
  default     = {}
}

variable "databases" {
  description = "Identifiers, by name."
  type        = map(string)
  default     = {}
}

variable "cache_nodes" {
  description = "Identifiers, by name."
  type        = map(string)
  default     = {}
}

variable "services" {
  description = "Services of ECS, by name."
  type = map(object({
    cluster = string
    service = string
  }))
  default = {}
}

variable "thresholds" {
  description = "Three of five minutes beyond one of them is an alarm."
  type = object({
    errors_per_minute  = optional(number, 10)
    latency_seconds    = optional(number, 1)
    cpu_percent        = optional(number, 80)
    memory_percent     = optional(number, 85)
    connections        = optional(number, 100)
    free_storage_bytes = optional(number, 10737418240)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "The key of what is told."
  type        = string
}
