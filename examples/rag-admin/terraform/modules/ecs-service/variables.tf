# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "name" {
  description = "Of the environment: STACK-ENVIRONMENT."
  type        = string
}

variable "service" {
  description = "Its name in the stack."
  type        = string
}

variable "cluster_arn" {
  description = "Where it runs."
  type        = string
}

variable "cluster_name" {
  description = "Where it runs."
  type        = string
}

variable "namespace_id" {
  description = "Where its name is registered."
  type        = string
}

variable "image" {
  description = "With its tag or digest."
  type        = string
}

variable "entrypoint" {
  description = "Null: the image's own."
  type        = list(string)
  default     = null
}

variable "command" {
  description = "Null: the image's own."
  type        = list(string)
  default     = null
}

variable "working_directory" {
  description = "Null: the image's own."
  type        = string
  default     = null
}

variable "user" {
  description = "Null: the image's own."
  type        = string
  default     = null
}

variable "read_only" {
  description = "Of its root file system."
  type        = bool
  default     = false
}

variable "cap_drop" {
  description = "Capabilities that it has not."
  type        = list(string)
  default     = []
}

variable "architecture" {
  description = "X86_64 or ARM64."
  type        = string
  default     = "X86_64"
}

variable "cpu" {
  description = "In 1024ths of a processor; one of those that Fargate has."
  type        = number
}

variable "memory_mb" {
  description = "One of those that Fargate has for so much processor."
  type        = number
}

variable "environment" {
  description = "Variables that are no secrets."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Variables whose values ECS takes from Secrets Manager: an ARN, or ARN:key::."
  type        = map(string)
  default     = {}
}

variable "secret_arns" {
  description = "Secrets that it may read."
  type        = list(string)
  default     = []
}

variable "ports" {
  description = "What it listens on; the load balancer takes the first."
  type        = list(number)
  default     = []
}

variable "health_check" {
  description = "As a task definition has it. Null: none but the load balancer's."
  type = object({
    command     = list(string)
    interval    = number
    timeout     = number
    retries     = number
    startPeriod = number
  })
  default = null
}

variable "mounts" {
  description = "Volumes of the stack."
  type = list(object({
    volume    = string
    path      = string
    read_only = optional(bool, false)
  }))
  default = []
}

variable "scratch_paths" {
  description = "Where it may write what is gone with it."
  type        = list(string)
  default     = []
}

variable "file_system_id" {
  description = "Of the volumes."
  type        = string
  default     = null
}

variable "access_points" {
  description = "By the name of the volume."
  type        = map(string)
  default     = {}
}

variable "desired_count" {
  description = "How many to begin with."
  type        = number
}

variable "singleton" {
  description = "Never two at once."
  type        = bool
  default     = false
}

variable "start_seconds" {
  description = "For how long a failing health check does not count."
  type        = number
  default     = 60
}

variable "stop_seconds" {
  description = "Between SIGTERM and SIGKILL; 120 at most."
  type        = number
  default     = 30
}

variable "autoscale" {
  description = "Null: as many as there are."
  type = object({
    min            = number
    max            = number
    cpu_percent    = optional(number)
    memory_percent = optional(number)
  })
  default = null
}

variable "target_group_arn" {
  description = "Of the load balancer. Null: no request comes from there."
  type        = string
  default     = null
}

variable "blue_green" {
  description = "How CodeDeploy moves the traffic. Null: ECS replaces instances one after the other."
  type = object({
    routing           = string
    percent           = optional(number)
    minutes           = optional(number)
    watch_minutes     = optional(number, 10)
    errors_per_minute = optional(number, 10)
    load_balancer     = string
    listener_arn      = string
    blue_group        = string
    green_group       = string
  })
  default = null
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Of what runs."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of its log and its secrets."
  type        = string
}
