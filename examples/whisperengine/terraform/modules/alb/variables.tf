# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Of the load balancer."
  type        = string
}

variable "domain" {
  description = "The name on the certificate."
  type        = string
}

variable "alternative_domains" {
  description = "Further names on it."
  type        = list(string)
  default     = []
}

variable "zone_name" {
  description = "The zone of Route 53 that proves that the names are ours."
  type        = string
}

variable "targets" {
  description = "What requests go to, by name."
  type = map(object({
    port                    = number
    target_type             = optional(string, "ip")
    blue_green              = optional(bool, false)
    balance                 = optional(string, "round_robin")
    sticky                  = optional(bool, false)
    drain_seconds           = optional(number, 30)
    health_path             = optional(string, "/")
    health_matcher          = optional(string, "200-399")
    health_interval_seconds = optional(number, 10)
    health_timeout_seconds  = optional(number, 5)
  }))
}

variable "routes" {
  description = "Which requests go to which target; the first that fits is taken. No hosts: every host."
  type = list(object({
    target = string
    paths  = list(string)
    hosts  = optional(list(string), [])
  }))
}

variable "idle_timeout_seconds" {
  description = "How long a connection may be silent."
  type        = number
  default     = 60
}

variable "requests_per_address" {
  description = "How many requests one address may send within five minutes."
  type        = number
  default     = 10000
}

variable "log_bucket" {
  description = "Where accesses are logged."
  type        = string
}

variable "deletion_protection" {
  description = "Whether it can be destroyed only after this was changed."
  type        = bool
}

variable "kms_key_arn" {
  description = "The key of the firewall's log."
  type        = string
}
