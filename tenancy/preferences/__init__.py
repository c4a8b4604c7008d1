"""設定: how a person wants pages and mails to be. Of this person alone: nobody else reads or changes it."""
