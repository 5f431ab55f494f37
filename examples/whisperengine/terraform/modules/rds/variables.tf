# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the database: STACK-ENVIRONMENT-SERVICE."
  type        = string
}

variable "engine" {
  description = "postgres, mysql or mariadb."
  type        = string

  validation {
    condition     = contains(["postgres", "mysql", "mariadb"], var.engine)
    error_message = "One of postgres, mysql, mariadb."
  }
}

variable "engine_version" {
  description = "As its family is called: 15 of PostgreSQL, 8.0 of MySQL. Minor versions are taken by themselves."
  type        = string
}

variable "instance_class" {
  description = "db.t4g.medium and the like."
  type        = string
}

variable "storage_gb" {
  description = "To begin with; it grows to twice that by itself."
  type        = number
}

variable "database" {
  description = "Made at the start."
  type        = string
}

variable "username" {
  description = "The master user; RDS makes its password."
  type        = string
}

variable "replicas" {
  description = "Copies that only answer reads."
  type        = number
  default     = 0
}

variable "multi_az" {
  description = "A second one in another zone that takes over."
  type        = bool
}

variable "backup_retention_days" {
  description = "For how long any moment can be had back, 1 to 35."
  type        = number

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "From 1 to 35 days."
  }
}

variable "backup_window" {
  description = "UTC: 02:00-02:30."
  type        = string
}

variable "maintenance_window" {
  description = "UTC: sun:04:00-sun:05:00."
  type        = string
}

variable "deletion_protection" {
  description = "Whether it can be destroyed only after this was changed."
  type        = bool
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
  description = "The key of data, backups and password."
  type        = string
}
