# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the cache: STACK-ENVIRONMENT-SERVICE, 40 characters at most."
  type        = string
}

variable "node_type" {
  description = "cache.t4g.small and the like."
  type        = string
}

variable "nodes" {
  description = "One is written, the others take over; 1 to 6."
  type        = number
}

variable "maxmemory_policy" {
  description = "What is given up where memory is full."
  type        = string
  default     = "volatile-lru"
}

variable "snapshot_retention_days" {
  description = "0: no snapshots."
  type        = number
}

variable "snapshot_window" {
  description = "UTC: 02:00-03:00."
  type        = string
}

variable "maintenance_window" {
  description = "UTC: sun:04:00-sun:05:00."
  type        = string
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
  description = "The key of data and snapshots."
  type        = string
}
