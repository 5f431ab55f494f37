# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

variable "bucket" {
  description = "Its name, of which there is one in all the world."
  type        = string
}

variable "kms_key_arn" {
  description = "The key. Null: the one of S3, where a service that writes here knows no other."
  type        = string
  default     = null
}

variable "log" {
  description = "Where accesses are logged. Null: nowhere."
  type        = object({ bucket = string })
  default     = null
}

variable "noncurrent_days" {
  description = "For how long what was overwritten or removed can be had back."
  type        = number
  default     = 30
}

variable "expire_days" {
  description = "After how many days objects are removed. Null: never."
  type        = number
  default     = null
}

variable "policies" {
  description = "Further policy documents of the bucket, as JSON."
  type        = list(string)
  default     = []
}

variable "replica" {
  description = "The bucket in another region, and its key. Null: none."
  type = object({
    bucket_arn  = string
    kms_key_arn = string
  })
  default = null
}
