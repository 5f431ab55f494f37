# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# Places for secrets, without values: a value here would stand in Terraform's state.
# Give one with `aws secretsmanager put-secret-value --secret-id NAME --secret-string file://…`.

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:what rotates them is the stack's, see the section secrets of mainstay.yaml
  for_each = var.names

  name                    = "${var.name}/${each.key}"
  description             = "${each.key} of ${var.name}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}
