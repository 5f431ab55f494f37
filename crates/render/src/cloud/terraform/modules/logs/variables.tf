variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "retention_days" {
  description = "After how many days a log is removed."
  type        = number
  default     = 365
}
