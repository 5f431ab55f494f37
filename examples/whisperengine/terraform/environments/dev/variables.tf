# Written by `mainstay render terraform` from the stack whisperengine.
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

variable "kubernetes_version" {
  description = "Of the cluster."
  type        = string
}

variable "node_class" {
  description = "Of its machines."
  type        = string
}

variable "nodes" {
  description = "How many machines."
  type        = object({ min = number, max = number })
}

variable "public_access_cidrs" {
  description = "Who may reach the cluster's API from outside: your office, your CI."
  type        = list(string)
  default     = []
}

variable "spot" {
  description = "Cheaper machines that end at short notice."
  type        = bool
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
  name = "whisperengine-dev"
}
