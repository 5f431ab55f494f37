# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# Who may speak to whom: the world to web, web to app, app to data.

resource "aws_security_group" "web" {
  #checkov:skip=CKV2_AWS_5:attached in the modules that it is handed to
  name        = "${var.name}-web"
  description = "The load balancer of ${var.name}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-web" }
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each = { http = 80, https = 443 }

  security_group_id = aws_security_group.web.id
  description       = each.key == "http" ? "Redirected to HTTPS" : "HTTPS from everywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value

  #checkov:skip=CKV_AWS_260:port 80 answers with a redirect to HTTPS and nothing else
}

resource "aws_vpc_security_group_egress_rule" "web" {
  security_group_id = aws_security_group.web.id
  description       = "To what runs"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 1024
  to_port           = 65535
}

resource "aws_security_group" "app" {
  #checkov:skip=CKV2_AWS_5:attached in the modules that it is handed to
  name        = "${var.name}-app"
  description = "What runs of ${var.name}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-app" }
}

resource "aws_vpc_security_group_ingress_rule" "app_from_web" {
  #checkov:skip=CKV_AWS_25:from the load balancer's group, not from the world
  security_group_id            = aws_security_group.app.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = 1024
  to_port                      = 65535
}

resource "aws_vpc_security_group_ingress_rule" "app_from_app" {
  security_group_id            = aws_security_group.app.id
  description                  = "Services among themselves"
  referenced_security_group_id = aws_security_group.app.id
  ip_protocol                  = "-1"
}

# Images, APIs of others, mail: a stack says nothing of where its services go.
resource "aws_vpc_security_group_egress_rule" "app" {
  security_group_id = aws_security_group.app.id
  description       = "To everywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_security_group" "data" {
  #checkov:skip=CKV2_AWS_5:attached in the modules that it is handed to
  name        = "${var.name}-data"
  description = "Databases and caches of ${var.name}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-data" }
}

resource "aws_vpc_security_group_ingress_rule" "data" {
  for_each = var.data_ports

  security_group_id            = aws_security_group.data.id
  description                  = "${each.key} from what runs"
  referenced_security_group_id = aws_security_group.app.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}
