# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "region" {
  description = "Where it stands."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
}

variable "zones" {
  description = "How many availability zones."
  type        = number
}

variable "single_nat_gateway" {
  description = "One way out for all zones: cheaper, and gone with its zone."
  type        = bool
}

variable "domain" {
  description = "The name under which people reach it."
  type        = string
}

variable "zone_name" {
  description = "The zone of Route 53 that has the name."
  type        = string
}

variable "alternative_domains" {
  description = "Further names."
  type        = list(string)
}

variable "failover" {
  description = "PRIMARY leads here while it is healthy, SECONDARY when the primary is not, null always."
  type        = string
  default     = null
}

variable "release" {
  description = "The tag of images that are built from the stack."
  type        = string
}

variable "database_class" {
  description = "Of the database."
  type        = string
}

variable "database_storage_gb" {
  description = "Of the database."
  type        = number
}

variable "database_replicas" {
  description = "Copies that only answer reads."
  type        = number
}

variable "backup_window" {
  description = "When it is copied, UTC."
  type        = string
}

variable "cache_class" {
  description = "Of the cache."
  type        = string
}

variable "snapshot_window" {
  description = "When the cache is copied, UTC."
  type        = string
}

variable "maintenance_window" {
  description = "When AWS may change versions, UTC."
  type        = string
}

variable "multi_az" {
  description = "A second database and cache in another zone that take over."
  type        = bool
}

variable "spot" {
  description = "Cheaper machines that end at short notice."
  type        = bool
}

variable "backup_retention_days" {
  description = "For how many days what was changed can be had back."
  type        = number
}

variable "deletion_protection" {
  description = "Whether database and load balancer can be destroyed only after this was changed."
  type        = bool
}

variable "trail" {
  description = "Whether the account's calls are recorded from here: once for each account."
  type        = bool
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = list(string)
}

locals {
  name = "rag-admin-staging"
}
