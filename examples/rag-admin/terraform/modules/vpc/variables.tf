# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network, a /16."
  type        = string
}

variable "zones" {
  description = "How many availability zones."
  type        = number

  validation {
    condition     = var.zones >= 2 && var.zones <= 6
    error_message = "From 2 to 6 zones."
  }
}

variable "single_nat_gateway" {
  description = "One way out for all zones: cheaper, and gone with its zone."
  type        = bool
}

variable "data_ports" {
  description = "Ports of databases and caches, by name."
  type        = map(number)
  default     = {}
}

variable "public_subnet_tags" {
  description = "For controllers that look for subnets."
  type        = map(string)
  default     = {}
}

variable "private_subnet_tags" {
  description = "For controllers that look for subnets."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "The key of the flow logs."
  type        = string
}
