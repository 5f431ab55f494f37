# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "kubernetes_version" {
  description = "Of the cluster."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "public_access_cidrs" {
  description = "Who may reach the cluster's API from outside. Empty: only who is inside the network."
  type        = list(string)
  default     = []
}

variable "node_class" {
  description = "t3.large and the like."
  type        = string
}

variable "node_disk_gb" {
  description = "Of each machine."
  type        = number
  default     = 50
}

variable "nodes" {
  description = "How many machines."
  type = object({
    min = number
    max = number
  })
}

variable "spot" {
  description = "Cheaper, and ended at two minutes' notice: not for production."
  type        = bool
}

variable "service_accounts" {
  description = "Accounts of the cluster that get a role of IAM, by name."
  type = map(object({
    namespace   = string
    secret_arns = optional(list(string), [])
  }))
  default = {}
}

variable "data_ports" {
  description = "Ports of databases and caches, by name."
  type        = map(number)
  default     = {}
}

variable "data_security_group_id" {
  description = "Of databases and caches."
  type        = string
}

variable "ingress" {
  description = "Where requests come from: the ingress controller's Service is of the type NodePort. Null: from nowhere."
  type = object({
    node_port             = number
    target_group_arn      = string
    web_security_group_id = string
  })
  default = null
}

variable "kms_key_arn" {
  description = "The key of the cluster's secrets and logs."
  type        = string
}
