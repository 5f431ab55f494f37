# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# A database: encrypted, in no public subnet, its password kept by Secrets Manager and in no state.

locals {
  family = {
    postgres = "postgres${var.engine_version}"
    mysql    = "mysql${var.engine_version}"
    mariadb  = "mariadb${var.engine_version}"
  }[var.engine]

  parameters = {
    postgres = {
      "rds.force_ssl"              = "1"
      "log_connections"            = "1"
      "log_disconnections"         = "1"
      "log_min_duration_statement" = "1000"
      "log_statement"              = "ddl"
    }
    mysql = {
      "require_secure_transport" = "1"
      "slow_query_log"           = "1"
    }
    mariadb = {
      "require_secure_transport" = "1"
      "slow_query_log"           = "1"
    }
  }[var.engine]

  logs = {
    postgres = ["postgresql", "upgrade"]
    mysql    = ["error", "slowquery"]
    mariadb  = ["error", "slowquery"]
  }[var.engine]
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  description = "Of ${var.name}"
  family      = local.family

  dynamic "parameter" {
    for_each = local.parameters

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "assume_monitoring" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

data "aws_partition" "current" {}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-monitoring"
  assume_role_policy = data.aws_iam_policy_document.assume_monitoring.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:in several zones where multi_az says so, which production does
  #checkov:skip=CKV_AWS_293:protected where deletion_protection says so, which production does
  #checkov:skip=CKV2_AWS_69:rds.force_ssl and require_secure_transport stand in the parameter group
  #checkov:skip=CKV2_AWS_30:log_min_duration_statement and log_statement stand in the parameter group
  identifier     = var.name
  engine         = var.engine
  engine_version = var.engine_version
  instance_class = var.instance_class

  db_name  = var.database
  username = var.username

  # Terraform never sees the password: RDS makes it, Secrets Manager keeps and rotates it.
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb
  max_allocated_storage = var.storage_gb * 2
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = var.security_group_ids
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period    = var.backup_retention_days
  backup_window              = var.backup_window
  maintenance_window         = var.maintenance_window
  copy_tags_to_snapshot      = true
  delete_automated_backups   = false
  auto_minor_version_upgrade = true

  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports = local.logs

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"
}

resource "aws_db_instance" "replica" {
  #checkov:skip=CKV_AWS_157:a copy that only answers reads; the one that is written stands in several zones
  #checkov:skip=CKV_AWS_293:a copy is made again from the one that is written
  #checkov:skip=CKV2_AWS_69:rds.force_ssl and require_secure_transport stand in the parameter group
  #checkov:skip=CKV2_AWS_30:log_min_duration_statement and log_statement stand in the parameter group
  #checkov:skip=CKV_AWS_133:what it holds is backed up at the one that is written
  count = var.replicas

  identifier          = "${var.name}-replica-${count.index + 1}"
  replicate_source_db = aws_db_instance.this.identifier
  instance_class      = var.instance_class

  storage_type                        = "gp3"
  storage_encrypted                   = true
  kms_key_id                          = var.kms_key_arn
  iam_database_authentication_enabled = true

  vpc_security_group_ids = var.security_group_ids
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  maintenance_window         = var.maintenance_window
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true

  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports = local.logs

  skip_final_snapshot = true
}
