variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}
