# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "domain" {
  description = "The name."
  type        = string
}

variable "alternative_domains" {
  description = "Further names."
  type        = list(string)
  default     = []
}

variable "zone_name" {
  description = "The zone of Route 53 that has them."
  type        = string
}

variable "alb_dns_name" {
  description = "Of the load balancer."
  type        = string
}

variable "alb_zone_id" {
  description = "The zone of the load balancer's own name."
  type        = string
}

variable "failover" {
  description = "PRIMARY: here, while it is healthy. SECONDARY: here when the primary is not. Null: here."
  type        = string
  default     = null
}

variable "health_path" {
  description = "What is asked of the primary from outside."
  type        = string
  default     = "/"
}
